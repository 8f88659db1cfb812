"""Tests the testers: takes one guard out of fleet-q at a time and demands that a scenario sees it."""
