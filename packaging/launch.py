"""What PyInstaller freezes."""

from ferryman.cli.main import main

main()
