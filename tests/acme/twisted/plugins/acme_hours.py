"""Acme's checks for twsip; imports nothing heavy, so that discovery stays cheap."""

from twsip.api import CheckMaker

hours = CheckMaker("office-hours", "acme.hours", "Calls leave the office only by day.")
