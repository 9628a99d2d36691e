"""Results as figures and pages that can be passed on: one self-contained HTML file each."""
