"""Tests of isartor_addon; folders mirror the package."""
