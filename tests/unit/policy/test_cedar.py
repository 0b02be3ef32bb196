"""Cedar: AWS's own examples, what is refused and where, and what errors do."""

import time

import pytest

from ferryman.policy.cedar import (
    DEEPEST,
    LONGEST_CHAIN,
    MOST_IFS,
    MOST_STATEMENTS,
    TEXT_LIMIT,
    CedarInvalid,
    CedarPrincipal,
    check_bounds,
    check_cedar,
    effects,
    evaluate_cedar,
)

GROUP = "e8c17310-e011-7089-d989-10da1EXAMPLE"
SCOPE = 'action == AWS::SSM::Action::"getTokenForInstanceAccess", resource'
BY_COST_CENTER = (
    f'permit (principal in AWS::IdentityStore::Group::"{GROUP}", {SCOPE}) when {{ principal has costCenter && '
    'resource.hasTag("CostCenter") && principal.costCenter == resource.getTag("CostCenter") };'
)
NO_INTERNS = f"""
// Who is temporary does not get to what is critical.
forbid (principal, {SCOPE})
when {{ principal has employeeNumber && principal.employeeNumber like "TEMP-*" &&
       resource.hasTag("Criticality") && resource.getTag("Criticality") == "High" }};
"""
BY_ROLE_TAG = (
    f'permit (principal, {SCOPE}) when {{ context.iam.principalTags.hasTag("Role") && '
    'context.iam.principalTags.getTag("Role") == "Admin" };'
)
ALICE = CedarPrincipal("AIDA1", frozenset({GROUP, "oncall"}), {"costCenter": "7", "Role": "Admin"})
NOBODY = CedarPrincipal("AIDA2")


@pytest.mark.parametrize(
    ("text", "principal", "tags", "permitted", "forbidden"),
    [
        (BY_COST_CENTER, ALICE, {"CostCenter": "7"}, True, False),
        (BY_COST_CENTER, ALICE, {"CostCenter": "8"}, False, False),
        (BY_COST_CENTER, ALICE, {}, False, False),
        (BY_COST_CENTER, CedarPrincipal("AIDA1", frozenset(), {"costCenter": "7"}), {"CostCenter": "7"}, False, False),
        (BY_COST_CENTER, NOBODY, {"CostCenter": "7"}, False, False),
        (BY_ROLE_TAG, ALICE, {}, True, False),
        (BY_ROLE_TAG, NOBODY, {}, False, False),
        (NO_INTERNS, CedarPrincipal("x", tags={"employeeNumber": "TEMP-1"}), {"Criticality": "High"}, False, True),
        (NO_INTERNS, CedarPrincipal("x", tags={"employeeNumber": "E-1"}), {"Criticality": "High"}, False, False),
        (
            BY_ROLE_TAG + NO_INTERNS,
            CedarPrincipal("x", tags={"Role": "Admin", "employeeNumber": "TEMP-1"}),
            {"Criticality": "High"},
            False,
            True,
        ),
        ('permit(principal == AWS::IdentityStore::User::"AIDA1", action, resource);', ALICE, {}, True, False),
        ('permit(principal, action, resource == AWS::SSM::ManagedInstance::"mi-1");', ALICE, {}, True, False),
        ('permit(principal, action, resource == AWS::SSM::ManagedInstance::"mi-2");', ALICE, {}, False, False),
    ],
)
def test_policies_say(
    text: str, principal: CedarPrincipal, tags: dict[str, str], permitted: bool, forbidden: bool
) -> None:
    check_cedar(text)
    verdict = evaluate_cedar(text, principal, "mi-1", tags)
    assert (verdict.permitted, verdict.forbidden, verdict.errors) == (permitted, forbidden, ())


def test_names_cannot_leave_their_quotes() -> None:
    name = 'x"; permit(principal,action,resource);\\'
    text = 'permit(principal == AWS::IdentityStore::User::"y", action, resource);'
    assert evaluate_cedar(text, CedarPrincipal(name, frozenset({name}), {"Role": name}), "mi-1", {name: name}) == (
        evaluate_cedar(text, NOBODY, "mi-1", {})
    )


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "no permit or forbid"),
        ("// nothing but words;", "no permit or forbid"),
        ("permit(\nprincipal, action", "line 1: .*unexpected end of input"),
        (f"{BY_ROLE_TAG}\n\n// a remark; here\npermit(principal, act, resource);", "line 4: "),
        (
            f'{BY_ROLE_TAG}\npermit(principal, action == AWS::SSM::Action::"x", resource);',
            "line 2: .*unrecognized action",
        ),
        ("permit(principal, action, resource) when { principal.salary == 1 };", "line 1: attribute `salary`"),
        (
            'permit(principal, action, resource) when { resource.getTag("a") == "b" };',
            "line 1: .*safety of access to tag",
        ),
        ("permit(principal == ?principal, action, resource);", "template"),
        (
            "permit(principal, action, resource) when {\n" + "(" * 5_000 + "true" + ")" * 5_000 + "};",
            "line 2: .*deeper",
        ),
        ("permit(principal, action, resource);" + " " * TEXT_LIMIT, f"more than {TEXT_LIMIT} bytes"),
    ],
)
def test_an_invalid_policy_is_refused_with_its_line(text: str, cause: str) -> None:
    with pytest.raises(CedarInvalid, match=cause):
        check_cedar(text)
    verdict = evaluate_cedar(text, ALICE, "mi-1", {})
    assert verdict.errors
    assert not verdict.permitted


def test_brackets_in_strings_and_comments_do_not_count() -> None:
    text = f'// {"(" * 50}\npermit(principal, action, resource) when {{ resource.hasTag("{"{" * 50}\\"") }};'
    check_cedar(text)
    assert evaluate_cedar(text, NOBODY, "mi-1", {"{" * 50 + '"': ""}).permitted


def test_the_deepest_accepted_policy_is_evaluated() -> None:
    inner = DEEPEST - 1
    text = "permit(principal, action, resource) when { " + "(" * inner + "true" + ")" * inner + " };"
    assert evaluate_cedar(text, NOBODY, "mi-1", {}).permitted
    chain = "if true then true else " * MOST_IFS
    assert evaluate_cedar(f"permit(principal, action, resource) when {{ {chain} true }};", NOBODY, "mi-1", {}).permitted


def test_bounds_are_known_before_the_engine_is_called() -> None:
    """The engine would take 15 s for a document of 16 KB, or overflow its stack."""
    for condition, limit in (
        ("principal has a" + ".a" * 8000, LONGEST_CHAIN),
        ("principal has a" + " . // a remark\n a" * (LONGEST_CHAIN + 1), LONGEST_CHAIN),
        ("if true then true else " * 1400 + "true", MOST_IFS),
        ("(" * 5000 + "true" + ")" * 5000, DEEPEST),
    ):
        with pytest.raises(CedarInvalid, match=rf"line [0-9]+: .*{limit}"):
            check_bounds(f"// a remark;\npermit(principal, action, resource) when {{ {condition} }};")
    with pytest.raises(CedarInvalid, match=f"more than {MOST_STATEMENTS} statements"):
        check_bounds("permit(principal, action, resource);" * (MOST_STATEMENTS + 1))


def test_a_string_without_an_end_is_looked_through_once() -> None:
    """From each of its 15,000 quotes the end was looked for again, which took six seconds."""
    began = time.process_time()
    with pytest.raises(CedarInvalid, match="invalid token"):
        check_cedar('permit(principal, action, resource) when { "' + '\\"' * 15_000)
    assert time.process_time() - began < 3  # a millisecond


def test_a_statement_that_cannot_be_evaluated_is_an_error_of_the_whole() -> None:
    broken = "forbid(principal, action, resource) when { 9223372036854775807 + 1 == 1 };"
    verdict = evaluate_cedar(BY_ROLE_TAG + broken, ALICE, "mi-1", {})
    assert not verdict.permitted
    assert "overflow" in verdict.errors[0]


def test_effects_are_reported() -> None:
    assert effects(BY_ROLE_TAG) == {"permit"}
    assert effects(BY_ROLE_TAG + NO_INTERNS) == {"permit", "forbid"}
    annotated = '@id("permit;") @note\n("x") @a_permit // permit\n forbid(principal, action, resource);'
    check_cedar(annotated)
    assert effects(annotated) == {"forbid"}
