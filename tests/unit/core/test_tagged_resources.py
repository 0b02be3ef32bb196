"""GetResources: nodes and documents by tag."""

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ferryman.core.tagged_resources import GetResourcesRequest, get_resources
from ferryman.model.errors import ServiceError
from ferryman.model.tags import ResourceType

if TYPE_CHECKING:
    from tests.unit.core.conftest import World

SSM = "arn:aws:ssm:test-1:123456789012"
EC2 = "arn:aws:ec2:test-1:123456789012"


async def found(world: "World", request: GetResourcesRequest) -> list[str]:
    page = await get_resources(world.service, world.alice, request)
    assert page.next_token is None
    return [each.arn for each in page.items]


async def tagged(world: "World", resource_type: ResourceType, resource_id: str, **tags: str) -> None:
    await world.store.tags.put(resource_type, resource_id, tags)


async def test_resources_by_type_and_tag(world: "World") -> None:
    first, second, untagged = sorted([await world.register() for _ in range(3)])
    await tagged(world, ResourceType.NODE, first, env="prod", team="a")
    await tagged(world, ResourceType.NODE, second, env="test")
    await tagged(world, ResourceType.DOCUMENT, "Doc", env="prod")
    await tagged(world, ResourceType.USER, "AIDA", env="prod")
    document, node, other = f"{SSM}:document/Doc", f"{SSM}:managed-instance/{first}", f"{SSM}:managed-instance/{second}"
    for request, expected in (
        (GetResourcesRequest(), [document, node, other]),
        (GetResourcesRequest(types=("ssm",)), [document, node, other]),
        (GetResourcesRequest(types=("ssm:document",)), [document]),
        (GetResourcesRequest(types=("ec2:instance",)), [f"{EC2}:instance/{first}", f"{EC2}:instance/{second}"]),
        (GetResourcesRequest(types=("s3",)), []),
        (GetResourcesRequest((("env", ("prod",)),)), [document, node]),
        (GetResourcesRequest((("env", ("prod", "test")),), ("ssm:managed-instance",)), [node, other]),
        (GetResourcesRequest((("env", ()),)), [document, node, other]),
        (GetResourcesRequest((("env", ()), ("team", ("a",)))), [node]),
        (GetResourcesRequest((("env", ("prod",)), ("team", ("b",)))), []),
        (GetResourcesRequest(arns=(node, f"{SSM}:managed-instance/{untagged}", document, "x")), [document, node]),
        (GetResourcesRequest(arns=(f"{EC2}:instance/{second}",)), [f"{EC2}:instance/{second}"]),
    ):
        assert await found(world, request) == expected, request
    page = await get_resources(world.service, world.alice, GetResourcesRequest((("team", ()),)))
    assert page.items[0].tags == (("env", "prod"), ("team", "a"))


@pytest.mark.parametrize("size", [1, 2, 3, 5])
async def test_pages_hold_every_resource_once(world: "World", size: int) -> None:
    for place in range(3):
        await tagged(world, ResourceType.DOCUMENT, f"Doc{place}", env="prod")
    for place in range(2):
        await tagged(world, ResourceType.NODE, f"mi-{place}", env="prod")
    whole = await found(world, GetResourcesRequest())
    seen: list[str] = []
    token = ""
    while token or not seen:
        page = await get_resources(world.service, world.alice, GetResourcesRequest(per_page=size, token=token))
        assert len(page.items) <= size
        seen += [each.arn for each in page.items]
        token = page.next_token or ""
    assert seen == whole
    assert len(whole) == 5


@pytest.mark.parametrize(
    "request_",
    [
        GetResourcesRequest(per_page=101),
        GetResourcesRequest(per_page=0),
        GetResourcesRequest(tags_per_page=99),
        GetResourcesRequest(per_page=1, tags_per_page=100),
        GetResourcesRequest((("", ("x",)),)),
        GetResourcesRequest(token="x"),
        GetResourcesRequest(types=("ssm",), arns=("x",)),
        GetResourcesRequest(with_compliance=True),
    ],
)
async def test_what_is_refused(world: "World", request_: GetResourcesRequest) -> None:
    with pytest.raises(ServiceError) as refused:
        await get_resources(world.service, world.alice, request_)
    assert refused.value.code == "InvalidParameterException"


async def test_a_caller_without_a_policy_is_refused(world: "World") -> None:
    nobody = replace(world.alice, policies=())
    with pytest.raises(ServiceError, match=r"is not authorized to perform: tag:GetResources on resource: \*"):
        await get_resources(world.service, nobody, GetResourcesRequest())
