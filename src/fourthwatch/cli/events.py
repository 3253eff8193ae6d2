import click
@click.command()
def events() -> None:
    """x"""
