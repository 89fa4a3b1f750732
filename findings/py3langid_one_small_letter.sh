#!/usr/bin/env bash
# py3langid 0.4.0: one small letter in a text of capitals takes its language away.
#
# The model knows small letters. A text is made small before it is looked at, but only when str.isupper() holds for the
# whole of it. So a receipt in capitals is surely English, and the same receipt with "kg" in it, or with a C that was
# misread as c, is nearly anything: hardly any of its letters are known. Nothing warns, and the probability, which is
# low, belongs to a language that has nothing to do with the text. Text of OCR is to be made small by the caller.
#
# Seen on 2026-11-30 with py3langid 0.4.0, numpy 2.4.0, Python 3.11:
#   PLEASE KEEP THIS RECEIPT FOR YOUR RECORDS: en, at least 0.9
#   PLEASE KEEP THIS RECEIPT FOR YOUR RECORDS 5 kg: not en, less than 0.1
#   PLEASE KEEP THIS RECEIPT FOR YOUR REcORDS: not en, less than 0.1
#   please keep this receipt for your records 5 kg: en, at least 0.9
#   DIE RECHNUNG IST SOFORT OHNE ABZUG ZAHLBAR: de, at least 0.9
#   DIE RECHNUNG IST SOFORT OHNE ABZUG ZAHLBAr: not de, less than 0.1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet py3langid==0.4.0 numpy==2.4.0
cat > "$folder/try.py" <<'PYTHON'
from py3langid.langid import MODEL_FILE, LanguageIdentifier

TEXTS = [
    ("en", "PLEASE KEEP THIS RECEIPT FOR YOUR RECORDS"),
    ("en", "PLEASE KEEP THIS RECEIPT FOR YOUR RECORDS 5 kg"),
    ("en", "PLEASE KEEP THIS RECEIPT FOR YOUR REcORDS"),
    ("en", "please keep this receipt for your records 5 kg"),
    ("de", "DIE RECHNUNG IST SOFORT OHNE ABZUG ZAHLBAR"),
    ("de", "DIE RECHNUNG IST SOFORT OHNE ABZUG ZAHLBAr"),
]

identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
for true, text in TEXTS:
    found, sure = identifier.classify(text)
    how_sure = "at least 0.9" if sure >= 0.9 else "less than 0.1" if sure < 0.1 else f"{sure:.2f}"
    print(f"{text}: {found if found == true else 'not ' + true}, {how_sure}")
PYTHON
"$folder/env/bin/python" "$folder/try.py" | tee "$folder/seen"
sed -n 's/^#   //p' "$0" | diff - "$folder/seen" || { echo "the behaviour has changed"; exit 1; }
echo "as stated"
