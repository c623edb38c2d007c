"""Tests of scheduled exports."""
