"""Ferryman's own operations on invitations."""

from collections.abc import Mapping

from ferryman.core.iam import invitations
from ferryman.model.identity.callers import Caller
from ferryman.model.identity.invitations import Invitation
from ferryman.model.identity.users import User
from ferryman.model.values.secret import Secret
from ferryman.server.operations.context import Key, OperationContext, Operations, Parameters, Result, UnsignedOperation
from ferryman.server.operations.results import as_datetime


async def _create_invitation(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    seconds = parameters.get("DurationSeconds")
    user, ticket = await invitations.create_invitation(context.service, caller, parameters["UserName"], seconds)
    return {"Invitation": _invitation(user, ticket.invitation), "InvitationToken": ticket.token.reveal()}


async def _list_invitations(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    user, pending = await invitations.list_invitations(context.service, caller, parameters["UserName"])
    return {"Invitations": [_invitation(user, each) for each in pending]}


async def _delete_invitation(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    name, invitation_id = parameters["UserName"], parameters["InvitationId"]
    await invitations.delete_invitation(context.service, caller, name, invitation_id)
    return {}


async def _redeem_invitation(context: OperationContext, parameters: Parameters) -> Result:
    invitation_id, token = parameters["InvitationId"], Secret(parameters["InvitationToken"])
    user, made = await invitations.redeem_invitation(context.service, invitation_id, token)
    return {
        "UserName": user.name,
        "AccessKeyId": made.access_key_id,
        "SecretAccessKey": made.secret_access_key.reveal(),
    }


def _invitation(user: User, invitation: Invitation) -> Result:
    return {
        "InvitationId": invitation.invitation_id,
        "UserName": user.name,
        "CreatedBy": invitation.created_by,
        "CreateDate": as_datetime(invitation.created_at),
        "ExpirationDate": as_datetime(invitation.expires_at),
    }


OPERATIONS: Operations = {
    ("ferryman", "CreateInvitation"): _create_invitation,
    ("ferryman", "ListInvitations"): _list_invitations,
    ("ferryman", "DeleteInvitation"): _delete_invitation,
}
OPERATIONS_UNSIGNED: Mapping[Key, UnsignedOperation] = {("ferryman", "RedeemInvitation"): _redeem_invitation}
