"""The five losses. Every function takes one level's logits N,1,H,W and the mask G; `losses` sums the levels.

Recipe "paper" keeps the weight 1 + |error| constant; "code" lets it flow, clamps the probability in it and squashes the map of
the structural loss twice.
"""
import torch
import torch.nn.functional as F


def weighted_bce(z, g, ze=None, recipe="paper"):
    """Mean of (1 + |tanh z_E|) * BCE; without an error map, plain BCE."""
    if ze is None:
        return F.binary_cross_entropy_with_logits(z, g)
    if recipe == "paper":
        return F.binary_cross_entropy_with_logits(z, g, 1 + ze.detach().tanh().abs())
    return F.binary_cross_entropy(z.sigmoid().clamp(1e-4, 1 - 1e-4), g, reduction="none").mul(1 + ze.tanh().abs()).mean()


def error_loss(ze, zo, g, form="bce"):
    """Pulls sigmoid(2 z_E) to the object map's error (G - P + 1) / 2; `kl` is the paper's equation 9 as printed."""
    target = ((g - zo.sigmoid() + 1) / 2).detach()
    if form == "bce":
        return F.binary_cross_entropy_with_logits(2 * ze, target)
    return (torch.xlogy(target, target) - target * F.logsigmoid(2 * ze)).mean()


def region_means(value, labels, count, size, empty):
    sums = value.new_zeros(size.shape).index_add(0, labels, value)
    return torch.where(count > 0, sums / size, empty)


def structural_loss(z, g, labels, recipe="paper"):
    """KL between the matrices (1 + S_r - S_s) / n^2 of mask and map, S the regions' means; mean over the batch.

    1 - S_s is the mean of sigmoid(-z), never a subtraction: a confident map would lose every digit.
    """
    total = z.new_zeros(())
    for logit, mask, label in zip(z.flatten(1), g.flatten(1), labels.flatten(1).long()):
        count = label.bincount()
        size = count.clamp(min=1).to(z.dtype)

        def means(value, empty):
            return region_means(value, label, count, size, z.new_tensor(empty))

        def matrix(inside, outside):
            return inside[:, None] + outside[None, :]

        if recipe == "paper":
            q = matrix(means(logit.sigmoid(), 0.0), means((-logit).sigmoid(), 1.0))
        else:
            inside = means(logit.sigmoid().sigmoid(), 0.0)
            q = matrix(inside, 1 - inside)
        p = matrix(means(mask, 0.0), means(1 - mask, 1.0))
        total = total + (torch.xlogy(p, p) - torch.xlogy(p, q.clamp(min=1e-30))).sum() / len(count) ** 2
    return total / len(z)


def losses(out, g, labels, recipe="paper", stage=3, error_form="bce", structural=True):
    """{part: five values, finest level first} of what the network of `out` has."""
    first = stage == 1
    ze = out.get("ze", [None] * 5)
    parts = {}
    if stage != 2 or recipe == "code":
        parts["main"] = [weighted_bce(z, g, None if first else e, recipe) for z, e in zip(out["z"], ze)]
    if structural and stage != 2:
        parts["structural"] = [structural_loss(z, g, labels, recipe) for z in out["z"]]
    if "zp" in out:
        parts["promotion"] = [F.binary_cross_entropy_with_logits(z, g) for z in out["zp"]]
    if "zo" in out:
        parts["rectification"] = [F.binary_cross_entropy_with_logits(z, g) for z in out["zo"]]
        parts["error"] = [error_loss(e, o, g, error_form) for e, o in zip(ze, out["zo"])]
    return {name: torch.stack(values) for name, values in parts.items()}
