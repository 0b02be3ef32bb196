"""The console's TypeScript types are those of the service models: one schema for both sides."""

import importlib.util
from pathlib import Path
from types import ModuleType

from ferryman.server.operations.registry import FOR_BROWSERS

PROGRAM = Path(__file__).parents[3] / "packaging/console_types.py"


def program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("console_types", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_types_are_those_of_the_models() -> None:
    types = program()
    assert types.OUTPUT.read_text() == types.generated(), "Run: .venv/bin/python packaging/console_types.py"


def test_only_operations_that_a_browser_may_call_have_types() -> None:
    assert set(program().OPERATIONS) <= FOR_BROWSERS


def test_members_are_spelled_as_in_typescript() -> None:
    text = program().generated()
    assert "export interface SsmStartSessionRequest {\n  Target: string;\n  DocumentName?: string;\n" in text
    assert "  State: 'Active' | 'History';\n" in text
    assert "  Parameters?: Record<string, string[]>;\n" in text
    assert "  StartDate?: number;\n" in text
    assert "  'iam/DeleteUser': { input: IamDeleteUserRequest; output: Record<string, never> };\n" in text
