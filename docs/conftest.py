"""What of this folder is a test: pages and scripts, but not what needs Sphinx."""

import sys
from pathlib import Path

collect_ignore = ["web/conf.py", "web/build.py"]

sys.path.insert(0, str(Path(__file__).parent / "web"))
