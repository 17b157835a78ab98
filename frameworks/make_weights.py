"""Writes a state dict with parameters by rule (made from their names alone): speed needs no training.

    make_weights.py --form resnet50 --width 128 --out W.safetensors
"""
import argparse
import json

from safetensors.torch import save_file

from purnet_torch.model import PurNet
from purnet_torch.weights import NORMALISATION, fill_by_rule


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--form", default="resnet50", choices=sorted(NORMALISATION))
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    net = fill_by_rule(PurNet(options.form, options.width))
    save_file(net.state_dict(), options.out, metadata={"made_by": json.dumps({"rule": options.form, "width": options.width})})


if __name__ == "__main__":
    main()
