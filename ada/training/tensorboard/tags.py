"""Descriptions of the scalars in TensorBoard, and the layout of its charts."""

from tensorboard.plugins.custom_scalar import layout_pb2

from ada.training.code_use import LEAST_SHARE, WINDOW_STEPS

_WINDOW = f"an average over about {WINDOW_STEPS} training steps; in validation over the whole split"

DESCRIPTIONS = {
    "bits": "Bits an id, -log2 p(id). In training of the step's batch, in validation of the whole "
    "split with averaged weights.",
    "reconstruction_bits": "Bits an id given the codes, -log2 p(id | codes): not a likelihood. In "
    "training of the step's batch, in validation of the whole split with averaged weights.",
    "loss/total": "Sum of all weighted terms, in nats.",
    "loss/nll": "-log p(id), given the codes in an autoencoder, in nats an id.",
    "loss/commitment": "Weighted: keeps queries near their codes.",
    "loss/codebook": "Weighted: moves codebook vectors to their queries.",
    "loss/auxiliary": "Weighted: the log spectrum, or the waveform, must be readable from the "
    "conditioning.",
    "conditioning/unexplained": "Share of the variance of the auxiliary loss's target (spectrum or "
    "waveform) that the conditioning does not explain: 0 is best, 1 no better than the mean. In "
    "training of the step's batch, in validation of the split.",
    "loss/diversity": "Weighted: keeps codes used equally (AMAE).",
    "optimizer/learning_rate": "Of the step, by the schedule.",
    "optimizer/gradient_norm": "Global norm before clipping.",
    "optimizer/weight_norm": "Global norm of all trained weights.",
    "optimizer/loss_scale": "What the loss is multiplied by in float16.",
    "codebook/perplexity": f"Exp of the entropy of code use: {_WINDOW}.",
    "codebook/used_codes": f"Codes used above {LEAST_SHARE} of an equal share: {_WINDOW}, where "
    "one use is enough.",
    "codebook/used_share": "used_codes as a share of all codes.",
    "codebook/dead_codes": f"Codes that no training step used for {WINDOW_STEPS} steps or longer.",
    "codebook/dead_age_mean": "Training steps since a dead code was last used, mean of the dead; "
    "0 where none is.",
    "codebook/dead_age_max": "Training steps since a dead code was last used, the longest.",
    "codebook/restarts": "Dead codes that became random queries, counted since there is a codebook "
    "(RESTART_EVERY).",
    "codebook/rolled_codes_cost_bits": "Bits per step that another clip's codes cost, on "
    "clips of the validation split; higher is better, 0 if the decoder ignores the codes.",
    "codebook/active": "1 once there is a codebook; 0 in an unquantised warm-up.",
    "codebook/quantization_error": "Mean squared distance of queries to what replaces them.",
    "codebook/query_square": "Mean squared length of queries.",
    "codebook/largest_activation": "Mean largest probability of a query (AMAE).",
    "codebook/zero_queries": "Share of queries without any activation above zero (AMAE).",
    "codebook/use_of_codes": "Share of every code in the validation split, times their number: "
    "1 is equal use.",
    "codebook/ages": "Training steps since each code was last used.",
    "codebook/health": "Use of every code, most used first, and steps since its last use.",
    "clips/spectrograms": "Of what is in the Audio tab, in dB below the loudest of all.",
    "clips/codes": "Codes over time. original: of the validation split; reconstruction: drawn from "
    "codes, the model's own of the original; sample: drawn from nothing.",
    "clips/original": "From the middle of the first source of the validation split.",
    "clips/reconstruction": "Drawn by the local model from the codes of the original.",
    "clips/sample": "Drawn from nothing.",
    "notes/note_f1": "How many notes of originals are in their reconstructions and the other way "
    "round, with the right pitch and an onset within 50 ms; higher is better, 1 at best. Mean of "
    "four clips from the validation split, drawn from their codes with top-p "
    "Intervals.note_top_p, 0.8 by default, and averaged weights. Our measure, by the transcriber "
    "basic-pitch.",
    "notes/frame_f1": "The same of the piano keys that sound at each moment; higher is "
    "better, 1 at best.",
    "speed/steps_per_sec": "Training steps a second, without validation and checkpoints.",
    "speed/waiting_for_input": "Share of the time that the loop waited for data.",
    "speed/validation_share": "Share of the time since the validation before that scoring took.",
    "speed/samples_per_sec": "Samples that training goes through in a second.",
    "speed/codes_per_sec": "Codes that training goes through in a second.",
    "speed/audio_secs_per_sec": "Seconds of audio that training goes through in a second.",
    "score/bits": "Bits of the last validation; of an autoencoder reconstruction bits.",
    "score/best_bits": "The fewest bits of any validation so far.",
    "score/perplexity": "Of the codes of the validation split.",
}

# Charts of the "Custom scalars" tab by category: title and the tags that it draws, as patterns.
_CHARTS = {
    "Learning": {
        "bits": [r"^(reconstruction_)?bits$"],
        "loss terms": [r"^loss/"],
        "gradient norm": [r"^optimizer/gradient_norm$"],
        "learning rate": [r"^optimizer/learning_rate$"],
    },
    "Codebook health": {
        "perplexity": [r"^codebook/perplexity$"],
        "share of codes in use": [r"^codebook/used_share$"],
        "dead codes": [r"^codebook/dead_codes$"],
        "age of dead codes, steps": [r"^codebook/dead_age_(mean|max)$"],
        "restarts so far": [r"^codebook/restarts$"],
        "quantisation error": [r"^codebook/quantization_error$"],
    },
    "Notes": {
        "note F1 and frame F1 of reconstructions": [r"^notes/"],
        "share not explained by the conditioning": [r"^conditioning/unexplained$"],
    },
    "Speed": {
        "steps a second": [r"^speed/steps_per_sec$"],
        "share of time waiting for input": [r"^speed/waiting_for_input$"],
    },
}


def layout() -> layout_pb2.Layout:
    """The layout of the "Custom scalars" tab: charts side by side that belong together."""
    return layout_pb2.Layout(
        category=[
            layout_pb2.Category(
                title=category,
                chart=[
                    layout_pb2.Chart(
                        title=title, multiline=layout_pb2.MultilineChartContent(tag=tags)
                    )
                    for title, tags in charts.items()
                ],
            )
            for category, charts in _CHARTS.items()
        ]
    )
