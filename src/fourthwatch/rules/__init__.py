"""The shop's opinion, as conditions; for now the built-in scorecard that stands where rules and model will be."""
