"""A process of its own for work on what others wrote: bounded in time, memory and stack, and replaced when it ends."""
