"""Writes a report as JUnit XML, with a test case for each row."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from harness.reporting.gate.report import UNKNOWN, Report
from harness.reporting.gate.rows import COMPARED, FAILURES
from harness.reporting.gate.snapshot import name
from harness.reporting.gate.summary import verdict
from harness.reporting.gate.text import line


def to_junit(report: Report) -> bytes:
    """Alarms are failures; what is not comparable is an error; what is new is skipped."""
    suite = ET.Element("testsuite", name=f"harness check {report.suite}")
    for row in report.rows:
        case = ET.SubElement(suite, "testcase", classname=name(row.key), name=row.title or row.verdict)
        if row.verdict in FAILURES:
            ET.SubElement(case, "failure", type=row.verdict, message=line(row))
        elif row.verdict == "not comparable":
            ET.SubElement(case, "error", type=row.verdict, message=line(row))
        elif row.verdict == "new":
            ET.SubElement(case, "skipped", message=line(row))
        else:
            ET.SubElement(case, "system-out").text = line(row)
    if report.code == UNKNOWN and not any(row.verdict in COMPARED for row in report.rows):
        case = ET.SubElement(suite, "testcase", classname=report.suite, name="anything to compare")
        ET.SubElement(case, "error", type="nothing comparable", message=verdict(report))
    for count, kind in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(count, str(len(list(suite.iter(kind)))))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"
