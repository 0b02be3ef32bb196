"""XML documents out of elements; characters that XML cannot carry are replaced."""

import re
from xml.etree.ElementTree import Element, tostring

_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(root: Element) -> bytes:
    """Return the element and what is in it as UTF-8 without a declaration."""
    for element in root.iter():
        if element.text:
            element.text = _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", element.text)
    return tostring(root)
