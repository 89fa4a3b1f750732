"""The labelling interface of Label Studio that tasks are made for: its template for OCR, with a label for words that
nobody can read.
"""

from __future__ import annotations

WORD, ILLEGIBLE = "Word", "Illegible"

CONFIG = """\
<View>
  <Image name="image" value="$ocr" zoom="true" zoomControl="true" rotateControl="true"/>
  <Labels name="label" toName="image">
    <Label value="Word" background="#1d4f8c"/>
    <Label value="Illegible" background="#b3261e"/>
  </Labels>
  <Rectangle name="bbox" toName="image" strokeWidth="2"/>
  <TextArea name="transcription" toName="image" editable="true" perRegion="true" required="false" maxSubmissions="1"
            rows="1" placeholder="What stands there" displayMode="region-list"/>
</View>
"""
"""The labelling interface that tasks are made for."""
