// The functions of training for values in memory as bfloat16.

#define VALUE bf16
#define NAME(function) sleuth_##function##_bf16

#include "train.h"
