import { words } from '../say.ts';

export const HELP = words(
  `npm run canary -- SERVICE --to IMAGE    a new version beside the old one: 1, 5, 20, 50, 100 % of its requests; promotes or rolls back by itself
npm run canary -- SERVICE --status      where it is, and how the last one ended
npm run canary -- SERVICE --resume      goes on where a command ended
npm run canary -- SERVICE --abort       all traffic back to the old version, the canary away (--reason TEXT)

  --only account=ID, city=NAME, channel=NAME   these go to the canary from the first step on (repeatable)
  --blue-green            two steps: nothing but --only, then everything
  --replicas N            pods of the canary (default: as many as stable has)
  --dwell SECONDS         least time of a step (60); --requests N: least requests to the canary in it (50); --within SECONDS: most time (900)
  --buckets N             inventory: how many buckets it has (default: what its Deployment says); it gets buckets, not a share
  --override-freeze WHY   in an emergency, during a declared freeze
  --dry-run               checks and prints the plan, changes nothing
  --namespace NAME (chunyun), --context NAME, --kubeconfig FILE, --kubectl PROGRAM

  --write DIR --step S    edits the manifests of a GitOps repository instead of the cluster, one step a call, and prints the difference. S, in this order:
                          deploy (needs --to), 1 … 100, promote, back, remove; to give up: 0, remove

Exit code: 0 promoted, 1 rolled back, 2 refused, 3 interrupted (resume or abort it).`,
  `npm run canary -- 服务 --to 镜像        新旧版本并行：依次承担 1、5、20、50、100 % 的请求；自动晋升或回滚
npm run canary -- 服务 --status         当前进度，以及上一次的结果
npm run canary -- 服务 --resume         从中断处继续
npm run canary -- 服务 --abort          全部流量回到旧版本并移除金丝雀（--reason 原因）

  --only account=编号、city=城市、channel=渠道   从第一步起就进入金丝雀（可重复）
  --blue-green            两步：先只有 --only 指定的请求，然后全部
  --replicas N            金丝雀实例数（默认与稳定版相同）
  --dwell 秒              每步最短时间（60）；--requests N：每步金丝雀最少请求数（50）；--within 秒：每步最长时间（900）
  --buckets N             inventory：分桶总数（默认取自其 Deployment）；它按分桶而不是按比例切换
  --override-freeze 原因  紧急情况下，在变更冻结期间执行
  --dry-run               只检查并打印计划，不做任何改动
  --namespace 名称（chunyun）、--context 名称、--kubeconfig 文件、--kubectl 程序

  --write 目录 --step S   修改 GitOps 仓库中的清单而不是集群，每次一步，并打印差异。S 依次为：
                          deploy（需要 --to）、1 … 100、promote、back、remove；放弃时：0、remove

退出码：0 已晋升，1 已回滚，2 拒绝执行，3 已中断（可 --resume 或 --abort）。`,
);
