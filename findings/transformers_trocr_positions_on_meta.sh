#!/usr/bin/env bash
# transformers 5.23.0: a TrOCR decoder with sinusoidal positions (trocr-large-printed, the stage 1 models) loads without
# an error or a warning, and then cannot read anything.
#
# from_pretrained makes the network on the meta device and fills in parameters and buffers. The table of
# TrOCRSinusoidalPositionalEmbedding is neither: a plain attribute, which stays on meta. The first forward pass raises
# NotImplementedError "Cannot copy out of meta tensor". With learned positions the same network comes back unchanged.
# A service that calls a model ready when it has loaded learns of it at the first request.
#
# Seen on 2026-11-30 with transformers 5.23.0, torch 2.15.0, Python 3.11:
#   learned: same logits as before it was saved
#   sinusoidal: table on meta; NotImplementedError: Cannot copy out of meta tensor; no data!
#   sinusoidal, table computed again: same logits as before it was saved
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet transformers==5.23.0 torch==2.15.0 numpy==2.4.0
cat > "$folder/try.py" <<'PYTHON'
import sys
import torch
from transformers import TrOCRConfig, VisionEncoderDecoderConfig, VisionEncoderDecoderModel, ViTConfig
from transformers.models.trocr.modeling_trocr import TrOCRSinusoidalPositionalEmbedding


def tiny(learned):
    sizes = dict(decoder_layers=1, decoder_attention_heads=2, decoder_ffn_dim=16, max_position_embeddings=40)
    decoder = TrOCRConfig(vocab_size=30, d_model=16, cross_attention_hidden_size=16, use_learned_position_embeddings=learned, **sizes)
    encoder = ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=32, patch_size=16
    )
    return VisionEncoderDecoderModel(VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)).eval()


def logits(network):
    image = torch.linspace(0, 1, 3 * 32 * 32).reshape(1, 3, 32, 32)
    with torch.inference_mode():
        return network(pixel_values=image, decoder_input_ids=torch.tensor([[2, 5, 6]])).logits


said = []
for kind in ("learned", "sinusoidal"):
    before = tiny(kind == "learned")
    folder = f"{sys.argv[1]}/{kind}"
    before.save_pretrained(folder)
    after = VisionEncoderDecoderModel.from_pretrained(folder).eval()
    tables = [m for m in after.modules() if isinstance(m, TrOCRSinusoidalPositionalEmbedding)]
    where = "".join(f"table on {table.weights.device}; " for table in tables)
    try:
        same = torch.equal(logits(before), logits(after))
        said.append(f"{kind}: {where}" + ("same logits as before it was saved" if same else "other logits"))
    except NotImplementedError as error:
        said.append(f"{kind}: {where}NotImplementedError: {error}")
        for table in tables:
            table.weights = table.get_embedding(len(table.weights), table.embedding_dim, table.padding_idx)
        same = torch.equal(logits(before), logits(after))
        said.append(f"{kind}, table computed again: " + ("same logits as before it was saved" if same else "other logits"))
print("\n".join(said))
PYTHON
"$folder/env/bin/python" "$folder/try.py" "$folder" 2>/dev/null | tee "$folder/seen"
sed -n 's/^#   //p' "$0" | diff - "$folder/seen" || { echo "the behaviour has changed"; exit 1; }
echo "as stated"
