"""The command line: words in, tables out. Every command is a file, and imports what it needs when it runs."""

import gc
import os
import sys

ALLOCATED = 100_000
"""Objects that are made before Python looks for some that hold each other alive. Usually it does so after 700, and then
dozens of times while modules are loaded, in which there are none."""


class WithoutPandas:
    """A finder of modules that does not find pandas, so that Arrow goes without, as where it is not installed.

    Wherever Arrow can, it imports pandas with the first array that it makes, to know frames when it is given some. No
    command has any, and the import takes longer than scoring 100,000 rows.
    """

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        """Leave the module to the finders after this one, unless it is pandas."""
        if name == "pandas":
            raise ModuleNotFoundError("no command of dir needs pandas", name=name)


def main() -> None:
    """Run `dir`; a reader that closes the pipe early is no error worth a traceback.

    The process then ends at once, with all output written: threads of Arrow may be busy with nothing, and when Python
    takes the time to tidy up, they now and then end a good run in an abort (apache/arrow issue 34314).
    """
    # what Arrow takes by default has memory zeroed anew again and again: a third of the time of a large file
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc" if sys.platform == "linux" else "system")
    gc.set_threshold(ALLOCATED)
    sys.meta_path.insert(0, WithoutPandas)
    from dircli.cli.app import app

    if {"_DIR_COMPLETE", "_DIRCLI_COMPLETE"} & os.environ.keys():  # the shell asks what may stand after these words
        from typer.completion import completion_init  # type: ignore[attr-defined]  # typer calls it for its own options

        completion_init()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a name the terminal cannot show is no crash
    code: object = 0
    try:
        app()
    except SystemExit as end:
        code = end.code
    except BrokenPipeError:
        code = 1
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = code or 1
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))
