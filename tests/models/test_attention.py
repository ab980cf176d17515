"""Attention over space, words and time against loops that spell it out; motion modules start mute."""

from __future__ import annotations

import pytest
import torch
from diffusers.models.attention import BasicTransformerBlock
from torch import Tensor, nn

from videogen.models.attention import Attention, MotionModule, SpatialTransformer, TemporalBlock, attend

B, T, N, D, HEADS = 2, 3, 4, 8, 2


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def attention(context: int | None = None) -> Attention:
    torch.manual_seed(3)
    return Attention(D, heads=HEADS, context=context).requires_grad_(False)


def naive(layer: Attention, x: Tensor, context: Tensor) -> Tensor:
    """Attention of the tokens `n d` to `m c`, one head and one token at a time."""
    query, key, value = layer.to_q(x), layer.to_k(context), layer.to_v(context)
    width, rows = D // HEADS, []
    for token in query:
        heads = []
        for head in range(HEADS):
            part = slice(head * width, (head + 1) * width)
            scores = torch.stack([(token[part] * other[part]).sum() / width**0.5 for other in key])
            heads.append(sum(w * v[part] for w, v in zip(scores.softmax(0), value, strict=True)))
        rows.append(torch.cat(heads))
    out: Tensor = layer.to_out[0](torch.stack(rows))
    return out


def test_training_and_inference_attend_alike() -> None:
    query, key, value = (randn(B, HEADS, N, D, seed=seed) for seed in range(3))
    trained = attend(query.clone().requires_grad_(), key, value)
    torch.testing.assert_close(trained.detach(), attend(query, key, value))


def test_over_space_each_frame_attends_to_itself() -> None:
    layer, x = attention(), randn(B, T, N, D)
    expected = torch.stack([torch.stack([naive(layer, frame, frame) for frame in clip]) for clip in x])
    torch.testing.assert_close(layer.over_space(x, None), expected)


def test_over_space_each_frame_attends_to_the_reference_of_its_clip_too() -> None:
    layer, x, reference = attention(), randn(B, T, N, D), randn(B, 5, D, seed=1)
    expected = torch.stack(
        [
            torch.stack([naive(layer, frame, torch.cat([frame, seen])) for frame in clip])
            for clip, seen in zip(x, reference, strict=True)
        ]
    )
    torch.testing.assert_close(layer.over_space(x, reference), expected)


def test_reference_tokens_of_zero_only_take_their_share_of_the_attention() -> None:
    layer, x = attention(), randn(B, T, N, D)
    layer.to_q.weight.zero_()  # all scores are equal: a frame's own N tokens among N + 12
    with_zeros, alone = layer.over_space(x, torch.zeros(B, 12, D)), layer.over_space(x, None)
    bias = layer.to_out[0].bias
    torch.testing.assert_close(with_zeros - bias, (alone - bias) * N / (N + 12))


def test_no_reference_tokens_are_no_reference() -> None:
    layer, x = attention(), randn(B, T, N, D)
    torch.testing.assert_close(layer.over_space(x, torch.zeros(B, 0, D)), layer.over_space(x, None))


def test_over_words_every_token_attends_to_the_words_of_its_clip() -> None:
    layer, x, text = attention(context=6), randn(B, T, N, D), randn(B, 7, 6, seed=2)
    expected = torch.stack(
        [
            torch.stack([naive(layer, frame, words) for frame in clip])
            for clip, words in zip(x, text, strict=True)
        ]
    )
    torch.testing.assert_close(layer.over_words(x, text), expected)


def test_over_time_every_place_attends_to_itself_in_all_frames() -> None:
    layer, x = attention(), randn(B, T, N, D)
    expected = torch.stack(
        [torch.stack([naive(layer, track, track) for track in clip.transpose(0, 1)], 1) for clip in x]
    )
    torch.testing.assert_close(layer.over_time(x), expected)


@pytest.mark.parametrize("attentions", [1, 2])
def test_a_temporal_block_is_that_of_animatediff(attentions: int) -> None:
    theirs = BasicTransformerBlock(
        D, HEADS, D // HEADS, activation_fn="geglu", double_self_attention=attentions == 2,
        positional_embeddings="sinusoidal", num_positional_embeddings=16,
    )  # fmt: skip
    torch.manual_seed(4)
    for parameter in theirs.parameters():
        nn.init.normal_(parameter, std=0.3)
    ours = TemporalBlock(D, heads=HEADS, attentions=attentions, max_frames=16, mult=4)
    kept = {name: value for name, value in theirs.state_dict().items() if name != "pos_embed.pe"}
    ours.load_state_dict(kept)
    x = randn(B, 10, N, D)
    expected = theirs(x.transpose(1, 2).flatten(0, 1)).unflatten(0, (B, N)).transpose(1, 2)
    torch.testing.assert_close(ours(x), expected, rtol=1e-4, atol=1e-5)


def test_more_frames_than_the_motion_modules_know_are_refused() -> None:
    layer = TemporalBlock(D, heads=HEADS, attentions=1, max_frames=4, mult=1)
    assert layer(randn(1, 4, N, D)).shape == (1, 4, N, D)
    with pytest.raises(ValueError, match="5 frames at once, but the motion modules know 4; use windows"):
        layer(randn(1, 5, N, D))


def motion() -> MotionModule:
    torch.manual_seed(5)
    return MotionModule(D, heads=HEADS, attentions=1, groups=2, max_frames=8, mult=1).requires_grad_(False)


def test_a_fresh_motion_module_changes_nothing() -> None:
    x = randn(B * T, D, 2, 2)
    torch.testing.assert_close(motion()(x, T), x, rtol=0, atol=0)


def test_a_trained_motion_module_mixes_the_frames_of_a_place_and_nothing_else() -> None:
    layer = motion()
    nn.init.normal_(layer.proj_out.weight)
    layer.norm = nn.GroupNorm(2, D)  # its statistics reach over a frame
    x = randn(B * T, D, 2, 2)
    changed = x.clone()
    changed[1, :, 0, 1] += torch.linspace(-1, 1, D)
    layer.norm = nn.Identity()  # type: ignore[assignment]
    moved = (layer(changed, T) - layer(x, T)).abs().amax(1) > 1e-6  # (b t) h w
    expected = torch.zeros(B * T, 2, 2, dtype=torch.bool)
    expected[:T, 0, 1] = True
    assert torch.equal(moved, expected)


def test_a_motion_module_knows_the_order_of_frames() -> None:
    layer = motion()
    nn.init.normal_(layer.proj_out.weight)
    x = randn(T, D, 2, 2)
    assert not torch.allclose(layer(x.flip(0), T), layer(x, T).flip(0), atol=1e-4)


def test_a_spatial_transformer_keeps_its_input_as_a_shortcut() -> None:
    layer = SpatialTransformer(D, heads=HEADS, context=6, groups=2, mult=1).requires_grad_(False)
    assert layer.proj_out is not None
    layer.proj_out.weight.zero_()
    assert layer.proj_out.bias is not None
    layer.proj_out.bias.zero_()
    x = randn(B * T, D, 2, 2)
    out, tokens = layer(x, randn(B, 7, 6), None)
    torch.testing.assert_close(out, x, rtol=0, atol=0)
    assert tokens.shape == (B, T, 4, D)


def test_frames_with_words_of_their_own_attend_to_those() -> None:
    torch.manual_seed(0)
    attention = Attention(8, heads=2, context=6, image=True).eval()
    x, image = torch.randn(2, 3, 5, 8), torch.randn(2, 2, 6)
    words = torch.randn(2, 3, 4, 6)
    with torch.no_grad():
        together = attention.over_words(x, words, image=image)
        for number in range(3):
            apart = attention.over_words(x[:, number : number + 1], words[:, number], image=image)
            torch.testing.assert_close(together[:, number : number + 1], apart)
        alike = attention.over_words(x, words[:, :1].expand(-1, 3, -1, -1))
        torch.testing.assert_close(alike, attention.over_words(x, words[:, 0]))
