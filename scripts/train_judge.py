"""Train the judge of MNIST digits and write it into the package: python scripts/train_judge.py (about 15 minutes)."""

from dataclasses import asdict

import torch

from condvae.data.sources import load_data
from condvae.evaluation.judge import JudgeTraining, save_judge, train_judge


def main() -> None:
    data = load_data("mnist")
    settings = JudgeTraining()
    for epoch, loss, judge in train_judge(data.train, settings):  # noqa: B007
        print(f"epoch {epoch}: training loss {loss:.4f} nats", flush=True)
    accuracy = judge.accuracy(data.test)
    parameters = sum(parameter.numel() for parameter in judge.parameters())
    save_judge(
        judge,
        {
            "name": "judge-mnist",
            "what": "digit classifier that scores generated images; independent of every generative model",
            "trained_on": f"MNIST, {len(data.train)} training images",
            "settings": asdict(settings),
            "parameters": parameters,
            "test_accuracy": round(accuracy, 4),
            "test_images": len(data.test),
            "command": "python scripts/train_judge.py",
            "torch": torch.__version__,
        },
    )
    print(f"test accuracy {accuracy:.2%} on {len(data.test)} images, {parameters:,} parameters")


if __name__ == "__main__":
    main()
