"""Training on real MNIST through the command line: repeatable, resumable to the bit, and clear when it fails."""

import fcntl
import os
import pty
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from condvae.config import Config, ModelConfig, TrainingConfig
from condvae.data.dataset import Dataset
from condvae.errors import ConfigError, RunError, StorageError, TrainingError
from condvae.evaluation.evaluate import evaluate
from condvae.evaluation.study import Study
from condvae.model.saving import load
from condvae.run import Run
from condvae.training.checkpoints import load_checkpoint
from condvae.training.fit import fit, resume
from condvae.training.module import CVAEModule
from tests.conftest import Cli, hear_interrupts
from tests.data.test_sources import write_idx_folder

STEPS = ["--trainer.limit_train_batches", "60", "--trainer.log_every_n_steps", "20"]


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "condvae", *map(str, arguments)]


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=hear_interrupts
    )


def weights(path: Path) -> dict[str, torch.Tensor]:
    return load_file(path / "model.safetensors")


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def wait_for_epoch(process: subprocess.Popen[str], number: int) -> None:
    """Read the output until an epoch is reported; the next one has begun then."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(f"epoch {number}/"):
            return
    raise AssertionError(f"ended before epoch {number}: {process.communicate()[1]}")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, mnist: Dataset) -> Path:
    """Three short epochs on real MNIST, in one go."""
    path = tmp_path_factory.mktemp("uninterrupted") / "run"
    fit(Config(trainer={"max_epochs": 3, "limit_train_batches": 60, "log_every_n_steps": 20}), path, mnist)
    return path


def test_the_run_folder(uninterrupted: Path) -> None:
    names = {path.name for path in uninterrupted.iterdir()}
    assert names == {"config.yaml", "cvae.ckpt", "metrics.csv", "model.json", "model.safetensors"}
    record = Run(uninterrupted).describe()["record"]
    assert (record["epochs"], record["steps"], record["parameters"]) == (3, 180, 1_143_828)
    history = Run(uninterrupted).history()
    test = [row["test_mse"] for row in history if "test_mse" in row]
    assert len(test) == 3
    assert test[-1] < test[0] < 0.07
    assert sum("train_loss_step" in row for row in history) == 9


def test_one_seed_gives_one_result(uninterrupted: Path, mnist: Dataset, tmp_path: Path) -> None:
    config = Run(uninterrupted).config()
    fit(config, tmp_path / "again", mnist)
    assert same(weights(uninterrupted), weights(tmp_path / "again"))
    other = replace(config, training=replace(config.training, seed=1), trainer={**config.trainer, "max_epochs": 1})
    fit(other, tmp_path / "other", mnist)
    assert not same(weights(uninterrupted), weights(tmp_path / "other"))


def test_killed_and_resumed_it_ends_with_the_same_weights(uninterrupted: Path, tmp_path: Path, command: Cli) -> None:
    out = tmp_path / "killed"
    process = start("train", "--out", out, "--trainer.max_epochs", 3, *STEPS)
    wait_for_epoch(process, 2)
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not Run(out).is_finished
    assert "is not finished. Finish it with 'condvae train --resume" in command.fails("evaluate", out)
    assert "holds an unfinished run. Continue it with" in command.fails("train", "--out", out)
    command("train", "--resume", out)
    assert same(weights(uninterrupted), weights(out))
    steps = [[row["step"] for row in Run(path).history()] for path in (uninterrupted, out)]
    assert steps[0] == steps[1]
    assert "holds a finished run. Choose another --out" in command.fails("train", "--out", out)
    assert "is complete after 3 epochs" in command.fails("train", "--resume", out)


def test_in_a_terminal_there_is_a_bar_with_loss_and_rate(tmp_path: Path) -> None:
    parent, child = pty.openpty()
    resize(child)
    process = subprocess.Popen(
        command("train", "--out", tmp_path / "run", "--trainer.max_epochs", 1, *STEPS), stdout=child, stderr=child
    )
    os.close(child)
    output = b""
    while chunk := read(parent):
        output += chunk
    assert process.wait() == 0
    assert re.search(r"Epoch 0: 100%.*60/60 .*loss=0\.\d+, test MSE=0\.\d+, images/s=\d+", output.decode())


def resize(terminal: int) -> None:
    """Give a terminal 40 rows and 140 columns."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))


def read(terminal: int) -> bytes:
    """What a terminal shows next; nothing once the program in it has ended."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def test_two_processes_share_one_run(tmp_path: Path) -> None:
    out, env = tmp_path / "run", {**os.environ, "OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        command("train", "--out", out, "--trainer.accelerator", "cpu", "--trainer.devices", 2, *STEPS,
                "--trainer.max_epochs", 1, "--trainer.limit_train_batches", 20),
        capture_output=True, text=True, check=True, env=env,
    )  # fmt: skip
    assert result.stdout.count(f"Trained: {out}") == 1
    assert load(out).parameter_count == 1_143_828
    assert Run(out).describe()["record"]["steps"] == 20
    logged = [row["test_mse"] for row in Run(out).history() if "test_mse" in row]
    measured = evaluate(Study(Run(out)), ["reconstruction"]).reconstruction
    assert logged == pytest.approx([measured.mse.value], rel=1e-3), "of all test images"
    again = subprocess.run(
        command("train", "--resume", out, "--trainer.max_epochs", 2), capture_output=True, text=True, env=env
    )
    assert again.returncode == 0, again.stderr
    assert [row["epoch"] for row in Run(out).history() if "test_mse" in row] == [0, 1]


def test_interrupted_it_says_how_to_go_on(tmp_path: Path) -> None:
    out = tmp_path / "stopped"
    process = start("train", "--out", out, "--trainer.max_epochs", 50, *STEPS)
    wait_for_epoch(process, 1)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"Interrupted. Continue with: condvae train --resume {out}" in message
    assert "Traceback" not in message
    assert load_checkpoint(Run(out).checkpoint)["epoch"] < 49


def test_more_epochs_continue_a_complete_run(uninterrupted: Path, mnist: Dataset, tmp_path: Path, command: Cli) -> None:
    out = tmp_path / "longer"
    command("train", "--out", out, "--trainer.max_epochs", 1, *STEPS)
    command("train", "--resume", out, "--trainer.max_epochs", 3)
    assert same(weights(uninterrupted), weights(out))
    assert Run(out).config().trainer["max_epochs"] == 3


def test_settings_of_the_command_line_win_over_the_recipe(tmp_path: Path, command: Cli) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("model: {latent: 5, encoder: [32], decoder: [32]}\ntraining: {batch_size: 50}\n")
    out = tmp_path / "run"
    output = command(
        "train", "--trainer.max_epochs=1", "--model.latent", 3, "--recipe", recipe, "--out", out, *STEPS,
        "--trainer.precision", "bf16-mixed", "--trainer.gradient_clip_val", "1",
        "--trainer.callbacks+=lightning.pytorch.callbacks.Timer", "--trainer.callbacks.duration=00:01:00:00",
    )  # fmt: skip
    assert f"Trained: {out}" in output
    config = yaml.safe_load((out / "config.yaml").read_text())
    assert (config["model"]["latent"], config["model"]["encoder"], config["training"]["batch_size"]) == (3, [32], 50)
    assert config["trainer"]["precision"] == "bf16-mixed"
    assert load(out).config.latent == 3
    assert Run(out).describe()["record"]["steps"] == 60


def test_a_proper_vae_trains(bars: Dataset, tmp_path: Path) -> None:
    """Gaussian likelihood, beta 1, colour images that are not square: the bound rises."""
    config = Config(
        model=ModelConfig(likelihood="gaussian", encoder=(32,), decoder=(32,), dropout=0),
        training=TrainingConfig(beta=1.0, batch_size=10),
        trainer={"max_epochs": 15},
    )
    model = fit(config, tmp_path / "run", bars)
    loss = [row["train_loss_epoch"] for row in Run(tmp_path / "run").history() if "train_loss_epoch" in row]
    assert loss[-1] < loss[0] - 20
    assert model.schema.classes == ("left", "middle", "right")


@pytest.mark.parametrize("rate", [1e30])
def test_a_loss_that_is_not_finite_stops_training(bars: Dataset, tmp_path: Path, rate: float) -> None:
    config = Config(
        model=ModelConfig(likelihood="gaussian"), training=TrainingConfig(beta=1.0, learning_rate=rate, batch_size=10)
    )
    with pytest.raises(
        TrainingError, match=r"The loss is (nan|inf|-inf), found at step \d+ .*lower --training\.learning_rate"
    ):
        fit(config, tmp_path / "run", bars)


def test_trainer_options_that_are_not_possible(bars: Dataset, tmp_path: Path, command: Cli) -> None:
    with pytest.raises(ConfigError, match=r"option of Lightning's Trainer is not possible: .*max_epochz"):
        fit(Config(trainer={"max_epochz": 2}), tmp_path / "run", bars)
    for value in ("bf16-true", "64"):
        message = command.fails("train", "--trainer.precision", value, "--out", tmp_path / "other")
        assert f"trainer.precision = {value} is not possible; allowed: 32-true, bf16-mixed" in message
    with pytest.raises(SystemExit) as caught:
        command("train", "--trainer.max_epochs", "many", "--out", tmp_path / "other")
    assert caught.value.code == 2
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("options", [{"max_epochs": 0}, {"limit_train_batches": 0}, {"max_steps": 0}])
def test_training_without_a_step_is_refused(bars: Dataset, tmp_path: Path, options: dict) -> None:
    with pytest.raises(ConfigError, match=rf"No step of training was made.*'{next(iter(options))}': 0"):
        fit(Config(trainer=options), tmp_path / "run", bars)
    assert not (tmp_path / "run").exists()


def test_what_the_trainer_refuses_only_when_it_begins(bars: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Lightning's Trainer refuses its options: .*val_check_interval"):
        fit(Config(trainer={"max_epochs": 1, "val_check_interval": 500}), tmp_path / "run", bars)
    assert not (tmp_path / "run").exists()


def test_a_bug_is_not_taken_for_an_option_of_the_trainer(
    bars: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(CVAEModule, "training_step", broken)
    with pytest.raises(ValueError, match=r"^a bug$"):
        fit(Config(trainer={"max_epochs": 1}), tmp_path / "run", bars)


def test_what_the_trainer_refuses(bars: Dataset, tmp_path: Path, command: Cli) -> None:
    message = command.fails("train", "--out", tmp_path / "a", "--trainer.accelerator", "tpu")
    assert "Lightning's Trainer refuses its options: " in message
    assert not (tmp_path / "a").exists()
    fit(Config(trainer={"max_steps": 3, "limit_val_batches": 0, "logger": False}), tmp_path / "b", bars)
    assert Run(tmp_path / "b").describe()["record"]["steps"] == 3


def test_a_full_disk_leaves_the_previous_checkpoint_whole(uninterrupted: Path, tmp_path: Path) -> None:
    """The limit on the size of a file is what a full disk looks like from here: the write fails in the middle."""
    script = f"""
import resource, signal, sys
from pathlib import Path
from condvae.checkpoint import load_checkpoint, save_checkpoint
path = Path({str(uninterrupted / "cvae.ckpt")!r})
content = load_checkpoint(path)
target = Path({str(tmp_path / "cvae.ckpt")!r})
save_checkpoint({{"previous": 1}}, target)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
from condvae.errors import StorageError
try:
    save_checkpoint(content, target)
except StorageError as error:
    print(error)
"""
    message = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert f"Cannot write {tmp_path / 'cvae.ckpt'}" in message
    assert load_checkpoint(tmp_path / "cvae.ckpt") == {"previous": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["cvae.ckpt"]


def test_training_into_a_full_disk(tmp_path: Path) -> None:
    """The whole command, with a disk that takes configuration and logs but no checkpoint."""
    out = tmp_path / "run"

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    result = subprocess.run(
        command("train", "--out", out, "--trainer.max_epochs", 1, "--trainer.limit_train_batches", 2),
        capture_output=True, text=True, preexec_fn=limit,
    )  # fmt: skip
    assert result.returncode == 1
    assert f"condvae: Cannot write {out / 'cvae.ckpt'}" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_folder_that_cannot_be_written(bars: Dataset, nowhere: Path, command: Cli) -> None:
    with pytest.raises(StorageError, match=rf"Cannot write {nowhere / 'config.yaml'}: "):
        fit(Config(), nowhere, bars)


def test_a_folder_with_other_contents(bars: Dataset, tmp_path: Path, command: Cli) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    assert f"{tmp_path} exists and is not empty" in command.fails("train", "--out", tmp_path)
    with pytest.raises(StorageError, match="is not empty"):
        fit(Config(), tmp_path / "letter.txt", bars)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


class Malicious:
    """A pickle that runs a command when it is loaded."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


def test_a_checkpoint_with_code_is_refused(uninterrupted: Path, tmp_path: Path, command: Cli) -> None:
    import pickle

    out = tmp_path / "run"
    shutil.copytree(uninterrupted, out)
    for write in (torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))):
        write(Malicious(tmp_path / "executed"), out / "cvae.ckpt")
        message = command.fails("train", "--resume", out, "--trainer.max_epochs", 5)
        assert f"{out / 'cvae.ckpt'} was refused: it holds code" in message
    assert not (tmp_path / "executed").exists()
    assert load(out).parameter_count == 1_143_828


def test_a_damaged_checkpoint(uninterrupted: Path, tmp_path: Path) -> None:
    path = tmp_path / "cvae.ckpt"
    path.write_bytes((uninterrupted / "cvae.ckpt").read_bytes()[:100_000])
    with pytest.raises(RunError, match=r"cvae\.ckpt cannot be read"):
        load_checkpoint(path)


@pytest.fixture
def copy(uninterrupted: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, to go on with or to break."""
    return Path(shutil.copytree(uninterrupted, tmp_path / "copy"))


def test_resuming_keeps_the_settings(copy: Path, command: Cli) -> None:
    changes = ["--model.latent", 3, "--training.learning_rate", 0.5, "--out", "elsewhere", "--recipe", "autoencoder"]
    message = command.fails("train", "--resume", copy, *changes, "--trainer.max_epochs", 5)
    assert "; --model.latent, --training.learning_rate, --out, --recipe cannot be given with it." in message
    assert Run(copy).config().model.latent == 2


def test_resuming_with_weights_of_another_model(copy: Path, command: Cli) -> None:
    config = Run(copy).config()
    Run(copy).write_config(replace(config, model=replace(config.model, latent=3)))
    assert "do not fit its settings" in command.fails("train", "--resume", copy, "--trainer.max_epochs", 5)


def test_a_resume_that_fails_loses_nothing(copy: Path, command: Cli) -> None:
    before = (copy / "metrics.csv").read_bytes()
    options = ["--trainer.max_epochs", 5, "--trainer.accelerator", "tpu"]
    assert "refuses its options" in command.fails("train", "--resume", copy, *options)
    assert (copy / "metrics.csv").read_bytes() == before
    (copy / "metrics.csv").unlink()
    resume(copy, {**Run(copy).config().trainer, "max_epochs": 4})
    assert {row["epoch"] for row in Run(copy).history()} == {3}


def test_a_finished_run_without_its_checkpoint_is_not_trained_over(copy: Path, command: Cli) -> None:
    (copy / "cvae.ckpt").unlink()
    message = command.fails("train", "--resume", copy, "--trainer.max_epochs", 5)
    assert "is finished and has no cvae.ckpt to go on from" in message


def test_a_run_limited_by_steps_goes_on(bars: Dataset, tmp_path: Path) -> None:
    limited = {"max_epochs": None, "max_steps": 3}
    fit(Config(training=TrainingConfig(batch_size=10), trainer=limited), tmp_path / "run", bars)
    resume(tmp_path / "run", {**limited, "max_steps": 30}, bars)
    assert Run(tmp_path / "run").describe()["record"]["steps"] >= 30
    with pytest.raises(RunError, match=r"is complete after \d+ epochs"):
        resume(tmp_path / "run", data=bars)


def test_a_checkpoint_that_is_none(copy: Path, command: Cli) -> None:
    torch.save({"weights": torch.zeros(2)}, copy / "cvae.ckpt")
    message = command.fails("train", "--resume", copy, "--trainer.max_epochs", 5)
    assert "is no training checkpoint: it has no epoch, global_step" in message


def test_the_data_of_a_run_is_found_from_anywhere(tmp_path: Path, command: Cli, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_idx_folder(tmp_path / "set")
    command("train", "--data", "idx:set", "--out", "run", "--trainer.max_epochs", 1)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert "reconstruction error" in command("evaluate", tmp_path / "run", "--only", "reconstruction")
    write_idx_folder(tmp_path / "set", width=4)
    assert "holds images (1, 4, 4) of the classes 0, 1, 2 now" in command.fails("evaluate", tmp_path / "run")


def test_a_recipe_with_an_unknown_option_of_the_trainer(tmp_path: Path, command: Cli) -> None:
    (tmp_path / "mine.yaml").write_text("trainer: {max_epochz: 2}")
    assert "Trainer has no option that the recipe names" in command.fails("train", "--recipe", tmp_path / "mine.yaml")


def test_resuming_nothing(tmp_path: Path, command: Cli) -> None:
    assert "is no run folder: it has no config.yaml" in command.fails("train", "--resume", tmp_path)
    with pytest.raises(RunError, match="is no run folder"):
        resume(tmp_path / "missing")


def test_unknown_recipe(command: Cli) -> None:
    assert "There is no recipe 'papre'. Did you mean 'paper'?" in command.fails("train", "--recipe", "papre")
