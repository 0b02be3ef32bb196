"""Predictive echo: what a person types is shown before the node has echoed it. Bytes in, bytes out, no I/O.

`predictive_echo` decides; `terminal` knows what is on the row of the cursor; `keys` reads what is typed; `overlay`
draws guesses over the row and takes them away. The terminal's content is known only as far as all terminals agree on
it: whatever else a program sends makes the row unknown, and then nothing is predicted.
"""
