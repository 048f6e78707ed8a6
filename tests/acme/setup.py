"""A package of somebody else's that brings a check for twsip; tests install it with pip."""

from setuptools import setup

setup(name="acme-hours", version="1.0", packages=["acme", "twisted.plugins"])
