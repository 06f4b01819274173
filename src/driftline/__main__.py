"""`python -m driftline`: the command, where no script was installed for it."""

from driftline.cli.main import main

main()
