"""What the use cases need to keep of people and what they may do: identities, policies, sign-ins, requests."""
