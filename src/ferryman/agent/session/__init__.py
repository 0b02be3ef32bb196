"""One session, from its task to its result: the plan, the handler of its type, and its data channel.

It runs in a worker process and must not know the agent process, which may die and be replaced meanwhile.
"""
