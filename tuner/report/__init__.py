"""The report of a study: report.md and report.html, made from the files of the study's folder alone."""
