"""What is kept of the services' models."""

from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape

from ferryman.awsapi.models import operation_model, service_model


def members(shape: Shape, above: tuple[str, ...] = ()) -> object:
    """A shape as nested plain values; where it holds itself, its name."""
    if shape.name in above:
        return shape.name
    within = (*above, shape.name)
    if shape.type_name == "structure":
        return {name: members(each, within) for name, each in shape.members.items()}
    return [members(shape.member, within)] if shape.type_name == "list" else shape.type_name


def test_the_trimmed_ec2_model_holds_exactly_what_is_served() -> None:
    whole = ServiceModel(Loader().load_service_model("ec2", "service-2"), "ec2").operation_model("DescribeInstances")
    part = service_model("ec2")
    served = operation_model("ec2", "DescribeInstances")
    assert served is not None
    assert part.operation_names == ["DescribeInstances"]
    assert len(part.shape_names) < 200
    assert members(served.input_shape) == members(whole.input_shape)
    assert members(served.output_shape) == members(whole.output_shape)
    assert part.api_version == "2016-11-15"
