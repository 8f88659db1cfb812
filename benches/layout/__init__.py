"""Measures layouts of STEP_TRACKER on a real Postgres. Decides nothing: the page and the decision do."""
