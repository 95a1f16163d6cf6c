// Package workers is the pipeline: from directories on disk to confirmed
// messages and marks.
//
//	crawl      finds the directories, orders them, leaves out what is done
//	  │ []logdir.Entry
//	  v
//	scheduler  opens directories in order, gives out the turns of their logs
//	  │ logWork: a log, and the right to read its next block
//	  v
//	worker     reads the next block of whole lines, passes the turn on, parses
//	  │        the block and encodes its flows
//	  │ encodedBlock: the flows of a block, and where each row ends
//	  v
//	batch      one for each log: cuts the log's flows into messages, in order
//	  │ outgoing: a message; a bounded channel
//	  v
//	publish    sends a message and waits until it is confirmed or has failed
//	  │ the outcome
//	  v
//	ledger     one for each directory: what still holds it, and how far each log
//	  │        is confirmed without a gap
//	  │ dirWork: a directory whose last hold has been released
//	  v
//	mark       writes .processed, or .processing if something failed, and unlocks
//
// Workers, publishers and markers are pools (errgroup). A pool ends when its
// input does, and Run then closes the channel to the next pool. The first failure
// of a pool stops the run.
//
// The worker that reads a block also parses the block: the bytes are still in the
// cache of its core, and several gzip logs are decompressed in parallel. A worker
// passes a log's turn on before it parses the block, so one huge log keeps all
// workers busy.
//
// If the transport reports that messages which it had confirmed are lost, Run
// restores the state files of every directory that has sent messages in this run.
//
// A resend sends the directories of a span of time again, through the same stages. It
// reads each log from its start and writes no state file. It takes the locks, so that
// neither another run nor the culler works on the directories.
//
// The memory of a run depends on the number of workers, encoded blocks (a few more than
// workers), queued messages, messages in flight (and their bytes), open directories, and
// directories found. It depends neither on the length of a log or a line, nor on the speed
// of the transport.
//
// A run stops in two stages, each with a context. When the first context ends, the
// run takes no more work: it sends the complete messages and writes .processing.
// The second context ends a grace time later, and every wait ends with it.
package workers
