#!/bin/sh
# Sleuth's recipe of 2025 (recipes/reference-2025.toml) in verl's terms, for one node with eight graphics cards.
# Further settings may follow: sh integrations/verl/run.sh trainer.n_gpus_per_node=4
set -eu
python3 -m verl.trainer.main_ppo \
  algorithm.adv_estimator=grpo \
  algorithm.norm_adv_by_std_in_grpo=true \
  algorithm.use_kl_in_reward=false \
  data.train_files=train.parquet \
  data.val_files=val.parquet \
  data.shuffle=false \
  data.train_batch_size=32 \
  data.max_prompt_length=4096 \
  data.max_response_length=8192 \
  reward.custom_reward_function.path=integrations/verl/reward.py \
  actor_rollout_ref.model.path=Qwen/Qwen2.5-14B-Instruct \
  actor_rollout_ref.rollout.name=vllm \
  actor_rollout_ref.rollout.n=50 \
  actor_rollout_ref.rollout.temperature=1.0 \
  actor_rollout_ref.actor.ppo_mini_batch_size=8 \
  actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=1 \
  actor_rollout_ref.actor.clip_ratio=0.2 \
  actor_rollout_ref.actor.use_kl_loss=false \
  actor_rollout_ref.actor.loss_agg_mode=token-mean \
  actor_rollout_ref.actor.optim.lr=6e-6 \
  'actor_rollout_ref.actor.optim.betas=[0.9,0.99]' \
  actor_rollout_ref.actor.optim.weight_decay=0.1 \
  actor_rollout_ref.actor.optim.clip_grad=0.1 \
  actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=1 \
  trainer.total_epochs=1 \
  trainer.n_gpus_per_node=8 \
  trainer.nnodes=1 \
  trainer.save_freq=10 \
  'trainer.logger=[console]' \
  "$@"
