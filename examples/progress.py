"""A progress bar with the loss on it, for the examples."""

from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


@contextmanager
def epochs(title, rounds):
    """Show a bar of ``rounds`` steps; yield a function that takes the loss after each."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.4f}"), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns) as progress:
        task = progress.add_task(title, total=rounds, loss=float("nan"))

        def show(loss):
            progress.update(task, advance=1, loss=loss)

        yield show
