"""Simulated tickets with planted truth: every score on them can stand beside its ceiling (`docs/simulator.md`)."""

from tickets.data.simulate.ceilings import ceilings
from tickets.data.simulate.simulation import Simulation, Truth, simulate

__all__ = ["Simulation", "Truth", "ceilings", "simulate"]
