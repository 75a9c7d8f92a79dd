"""Makes the forms of a BERT-like model that other engines need: ONNX, quantised ONNX, OpenVINO int8, CTranslate2.

usage: prepare.py MODEL_FOLDER WORK_FOLDER CALIBRATION.txt
"""
import os
import subprocess
import sys

os.environ['HF_HUB_OFFLINE'] = '1'
import numpy as np
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from transformers import AutoModel

from engines import INPUTS, load_tokenizer

CALIBRATION_TEXTS = 300


class States(torch.nn.Module):
    """The states of all tokens."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.net(input_ids=input_ids, attention_mask=attention_mask,
                        token_type_ids=token_type_ids).last_hidden_state


def export(model, target):
    net = AutoModel.from_pretrained(model, attn_implementation='eager').eval()
    example = torch.ones(2, 16, dtype=torch.long)
    free = {0: 'rows', 1: 'tokens'}
    torch.onnx.export(
        States(net), (example, example, example * 0), target, input_names=list(INPUTS), opset_version=17,
        output_names=['last_hidden_state'], dynamic_axes={name: free for name in [*INPUTS, 'last_hidden_state']},
        dynamo=False)


def quantise_for_openvino(model, source, target, texts):
    import nncf
    import openvino

    tokenizer = load_tokenizer(model, 256)

    def feed(text):
        ids = np.array([tokenizer.encode(text).ids], dtype=np.int64)
        return dict(zip(INPUTS, (ids, np.ones_like(ids), np.zeros_like(ids))))

    with open(texts, encoding='utf8') as file:
        lines = [line.strip() for line in file if line.strip()][-CALIBRATION_TEXTS:]
    quantised = nncf.quantize(openvino.Core().read_model(source), nncf.Dataset(lines, feed),
                              model_type=nncf.ModelType.TRANSFORMER, subset_size=CALIBRATION_TEXTS)
    openvino.save_model(quantised, target)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    model, work, texts = sys.argv[1:]
    os.makedirs(work, exist_ok=True)
    plain = os.path.join(work, 'model.onnx')
    export(model, plain)
    quantize_dynamic(plain, os.path.join(work, 'model-int8.onnx'), weight_type=QuantType.QInt8, per_channel=True)
    quantise_for_openvino(model, plain, os.path.join(work, 'model-int8.xml'), texts)
    converter = os.path.join(os.path.dirname(sys.executable), 'ct2-transformers-converter')
    subprocess.run([converter, '--model', model, '--output_dir', os.path.join(work, 'ct2'), '--force'], check=True)


if __name__ == '__main__':
    main()
