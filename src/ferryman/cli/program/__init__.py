"""The program around the commands: which there are, how they are loaded, their help pages and completion.

A command's module is imported when the command runs. `catalogue` and `help_page` import neither Typer nor botocore, so
that `ferryman --help` is quick.
"""
