"""Worker processes: the zygote they are forked from, the pool that asks it for them, and what a worker does.

It must not know the control channel: a worker gets its task from the pool and leaves its result in the record.
"""
