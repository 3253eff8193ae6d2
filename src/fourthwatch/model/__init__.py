"""History's opinion: a learned model as it serves. It is handed numbers and gives a probability; how they are made, and
how it was learned, is known elsewhere.
"""
