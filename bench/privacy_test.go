package bench

import (
	"bytes"
	"fmt"
	"testing"

	"tstat-transport/internal/privacy"
	"tstat-transport/internal/workers"
)

// BenchmarkPipelinePrivacy runs the pipeline without delivery for each way of replacing
// addresses.
//
//	go test -bench PipelinePrivacy ./bench
func BenchmarkPipelinePrivacy(b *testing.B) {
	t := sensor(b)
	for _, threshold := range thresholds {
		for _, policy := range []*privacy.Policy{
			{Mode: privacy.None},
			{Mode: privacy.Truncate, IPv4: 24, IPv6: 48},
			{Mode: privacy.CryptoPAn, Key: bytes.Repeat([]byte{1, 2, 3, 4}, privacy.KeySize/4)},
		} {
			b.Run(fmt.Sprintf("threshold=%s/%s", threshold.name, policy.Mode), func(b *testing.B) {
				pipeline(b, t, discard{}, func(o *workers.Options) {
					o.Workers, o.Threshold, o.Settings.Privacy = 1, threshold.bytes, policy
				})
			})
		}
	}
}
