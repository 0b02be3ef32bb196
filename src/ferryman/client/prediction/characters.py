"""Which characters take exactly one cell in every terminal."""

import unicodedata

_NARROW = (
    (0x20, 0x7E),
    (0xA1, 0x2FF),  # Latin
    (0x370, 0x482),  # Greek, Cyrillic
    (0x48A, 0x58F),  # Cyrillic, Armenian
    (0x1E00, 0x1FFF),  # Latin, Greek
    (0x2010, 0x2027),  # punctuation
    (0x2030, 0x205E),
    (0x20A0, 0x20BF),  # currencies
    (0x2190, 0x23FF),  # arrows, mathematics, technical
    (0x2500, 0x27BF),  # boxes, blocks, shapes, dingbats
    (0x2800, 0x28FF),  # braille
    (0xE0A0, 0xE0D4),  # what prompts for patched fonts use
)
_SOFT_HYPHEN = "\xad"


def is_narrow(text: str) -> bool:
    """Whether every character of `text` is visible and one cell wide; False for what terminals disagree about."""
    if text.isascii():
        return text.isprintable()
    return all(map(_is_narrow, text))


def _is_narrow(character: str) -> bool:
    code = ord(character)
    return (
        any(first <= code <= last for first, last in _NARROW)
        and character != _SOFT_HYPHEN
        and unicodedata.east_asian_width(character) not in "WF"
        and unicodedata.category(character) != "Cn"
    )
