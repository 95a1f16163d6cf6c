// Package workers is the pipeline: from directories on disk to confirmed
// messages and the marks.
//
//	crawl      find, order, leave out what is done            (goroutines: one a worker, gone before the next stage)
//	  │ []logdir.Entry
//	  v
//	source     opens directories in order, keeps the logs in work
//	  │ one log at a time goes to the worker that is free ("the log's turn")
//	  v
//	worker     N goroutines: take a log's turn, read the next block of whole
//	  │        lines, pass the turn on, parse the block and encode its flows
//	  │ chunk: the flows of a block, and where each row of them ends
//	  v
//	assembly   one a log, by one worker at a time; another leaves its chunk to
//	  │        that one: cuts the log's flows into messages, in order
//	  │ messages: a bounded channel, closed by Run when the workers are done
//	  v
//	publisher  M goroutines: one blocking Send a message
//	  │ confirmed or failed
//	  v
//	ledger     one a directory: holds for logs being read and for messages on
//	  │        their way; how far each log is confirmed without a gap
//	  │ finished: a channel of directories whose last hold is gone, closed by
//	  │ Run when the publishers are done
//	  v
//	marker     K goroutines: write .processed, or .processing where something
//	           failed, and unlock; one more writes .processing now and then
//
// The worker that reads a block parses it, so that the bytes are still in its
// core's cache, and logs are decompressed side by side. One huge log keeps all
// workers busy, since its turn is passed on before the parsing.
//
// Memory is bounded by the number of chunks (a few more than workers), of
// messages (the channel, one a publisher, one a log in work) and of directories
// in work; never by a log, a line, or the transport.
//
// Two contexts run through it. The caller's ends the taking of work: what was
// read is sent and settled, .processing is written. The inner one ends a grace
// time later, or when everything is done, and ends all waits.
package workers
