"""What is known as of now, as numbers: histories of entities, windows over them, and the catalogue of features."""
