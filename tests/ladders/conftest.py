"""The ladders share one street; tests are files, not packages, so its folder goes onto the path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
