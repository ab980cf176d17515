"""Sizes of a U-Net as JSON, and those that cannot be built."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.tiny import UNET
from videogen.models.config import TemporalUNetConfig


@pytest.mark.parametrize("config", [TemporalUNetConfig(), UNET], ids=["sd15", "tiny"])
def test_a_config_survives_a_round_trip_through_json(config: TemporalUNetConfig) -> None:
    assert TemporalUNetConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_what_json_leaves_out_is_the_default() -> None:
    assert TemporalUNetConfig.from_dict({}) == TemporalUNetConfig()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"depth": 3, "colour": 1}, "unknown U-Net settings: colour, depth"),
        ({"in_channels": "4"}, "in_channels is '4'"),
        ({"in_channels": True}, "in_channels is True"),
        ({"in_channels": 4.0}, "in_channels is 4.0"),
        ({"scale_shift": 1}, "scale_shift is 1"),
        ({"block_out_channels": 320}, "block_out_channels is 320"),
        ({"block_out_channels": [320, "640", 1280, 1280]}, "block_out_channels is"),
        ({"attention_levels": [1, 1, 1, 0]}, "attention_levels is"),
        ({"pose_widths": [True]}, "pose_widths is"),
        ({"norm_eps": None}, "norm_eps is None"),
    ],
)
def test_values_of_another_kind_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        TemporalUNetConfig.from_dict(values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"in_channels": 0}, "in_channels is 0"),
        ({"cross_attention_dim": 10**9}, "cross_attention_dim is 1000000000"),
        ({"block_out_channels": []}, "1 to 8 sizes"),
        ({"block_out_channels": [32] * 9}, "1 to 8 sizes"),
        ({"block_out_channels": [320, -640, 1280, 1280]}, "block_out_channels is"),
        ({"attention_levels": [True]}, "attention_levels has 1 entries for 4 sizes"),
        ({"motion_levels": [False] * 5}, "motion_levels has 5 entries for 4 sizes"),
        ({"layers_per_block": 1000}, "layers_per_block is 1000"),
        ({"norm_eps": 0}, "norm_eps is 0"),
        ({"norm_eps": float("inf")}, "norm_eps is inf"),
        ({"norm_num_groups": 7}, "norm_num_groups = 7 does not divide the width 320"),
        ({"attention_heads": 3}, "attention_heads = 3 does not divide the width 320"),
        ({"motion_attentions": 3}, "motion_attentions is 3"),
        ({"motion_levels": [True] * 4, "motion_heads": 7}, "motion_heads = 7 does not divide the width 320"),
        ({"motion_mid_block": True, "motion_num_groups": 7}, "motion_num_groups = 7 does not divide"),
        ({"block_out_channels": [33, 66, 66, 66], "norm_num_groups": 3}, "is 33, which is odd"),
    ],
)
def test_sizes_that_do_not_fit_together_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TemporalUNetConfig.from_dict(values)


def test_motion_settings_do_not_matter_without_motion_modules() -> None:
    assert TemporalUNetConfig(motion_heads=7, motion_num_groups=11).motion_heads == 7
