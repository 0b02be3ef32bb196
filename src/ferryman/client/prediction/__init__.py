"""Predictive echo: shows typed characters before the node has echoed them. Bytes in, bytes out, no I/O.

`predictive_echo` decides; `terminal` follows the row of the cursor; `keys` splits typed input into keys; `overlay`
draws guesses over the row and takes them away. The terminal's content is known only as far as all terminals agree on
it: any other output makes the row unknown, and then nothing is predicted.
"""
